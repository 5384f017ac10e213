/** Joins received packets to super-packets. The twin of dataplane/path/coalesce.ts, which explains it. */
import { copyHeader } from './bytes.ts';
import * as packet from './candidate.ts';
import { Group } from './group.ts';

const PLACE_LEN: usize = 65664;
const PACKET_IN_PLACE_AT: usize = 64;
/** Layout of the scratch: what `take` gave, saved header, order of the groups, the groups. */
const SavedAt: usize = 32;
const OrderAt: usize = 160;
const GroupsAt: usize = 256;
const GROUP_LEN: usize = 64;

let scratchAt: usize = 0;
/** Groups that may be open at a time. */
let openLimit: i32 = 0;
let mergeTcp: bool = false;
let mergeUdp: bool = false;
let open: i32 = 0;
let done: i32 = 0;
let placedAt: usize = 0;
let savedLen: usize = 0;

/** @param at Address of 256 bytes of scratch and 64 more for each of `limit` + 1 groups, at most 24. */
export function initGroups(at: usize, placesAt: usize, limit: i32, tcp: bool, udp: bool): void {
  scratchAt = at;
  openLimit = limit;
  mergeTcp = tcp;
  mergeUdp = udp;
  for (let i = 0; i <= limit; i++) {
    const group = changetype<Group>(at + GroupsAt + (i as usize) * GROUP_LEN);
    group.at = placesAt + (i as usize) * PLACE_LEN + PACKET_IN_PLACE_AT;
    setGroup(i, group);
  }
}

export function nextAt(maxLen: usize): usize {
  restore();
  if (open > 0) {
    const latest = groupOf(open - 1);
    if (latest.fits(maxLen)) return placeBehind(latest);
  }
  placedAt = free().at;
  return placedAt;
}

export function add(len: usize, context: i32): bool {
  packet.read(placedAt, len, mergeTcp, mergeUdp);
  const index = packet.hasFlow ? find(context) : -1;
  if (index < 0) {
    begin(len, context, index);
    return done > 0;
  }
  const group = groupOf(index);
  if (!group.takes(placedAt)) {
    begin(len, context, index);
    return done > 0;
  }
  move(group.end, placedAt + packet.headerLen, packet.payloadLen);
  restore();
  group.absorb();
  if (group.isOpen) shift(index, open - 1);
  else finish(index);
  return done > 0;
}

export function flush(): bool {
  restore();
  while (open > 0) finish(0);
  return done > 0;
}

/** Leaves offset, length, packets, bytes and context in the scratch. */
export function take(): bool {
  if (done === 0) return false;
  const group = groupOf(open);
  const len = (group.end - group.at) as u32;
  store<u32>(scratchAt, group.at as u32);
  store<u32>(scratchAt, len, 4);
  store<u32>(scratchAt, group.count, 8);
  store<u32>(scratchAt, group.count === 1 ? len : len + (group.count - 1) * (group.headerLen as u32), 12);
  store<i32>(scratchAt, group.context, 16);
  done--;
  shift(open, open + done);
  return true;
}

function find(context: i32): i32 {
  for (let i = open - 1; i >= 0; i--) {
    if (groupOf(i).isFlowOf(placedAt, context)) return i;
  }
  return -1;
}

function begin(len: usize, context: i32, flowIndex: i32): void {
  const group = free();
  move(group.at, placedAt, len);
  restore();
  if (flowIndex >= 0) finish(flowIndex);
  else if (!packet.hasFlow) flush();
  group.start(len, context);
  if (!group.isOpen) {
    group.finish();
    done++;
    return;
  }
  shift(open + done, open);
  open++;
  if (open > openLimit) finish(0);
}

function finish(index: i32): void {
  groupOf(index).finish();
  shift(index, open + done - 1);
  open--;
  done++;
}

function free(): Group {
  if (open + done > openLimit) unreachable();
  return groupOf(open + done);
}

function placeBehind(group: Group): usize {
  savedLen = group.headerLen;
  placedAt = group.end - savedLen;
  copyHeader(scratchAt + SavedAt, placedAt, savedLen);
  return placedAt;
}

function restore(): void {
  if (savedLen !== 0) copyHeader(placedAt, scratchAt + SavedAt, savedLen);
  savedLen = 0;
}

function move(toAt: usize, fromAt: usize, len: usize): void {
  if (toAt !== fromAt) memory.copy(toAt, fromAt, len);
}

function groupOf(index: i32): Group {
  return changetype<Group>(load<usize>(scratchAt + OrderAt + ((index as usize) << 2)));
}

function setGroup(index: i32, group: Group): void {
  store<usize>(scratchAt + OrderAt + ((index as usize) << 2), changetype<usize>(group));
}

function shift(from: i32, to: i32): void {
  const moved = groupOf(from);
  const step = from < to ? 1 : -1;
  for (let i = from; i !== to; i += step) setGroup(i, groupOf(i + step));
  setGroup(to, moved);
}
