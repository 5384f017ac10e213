import { describe, expect, test } from 'vitest';
import { encodeRecord, RecordKind } from '../../../controlplane/record/record.ts';
import { RecordStream } from '../../../controlplane/record/record-stream.ts';
import type { ControlConnection } from '../../../controlplane/transport/transport.ts';
import { SimClock, settle } from '../simulation/sim-clock.ts';

/** A connection that gives these pieces and takes writes when told to. */
function connection(pieces: (Uint8Array | null)[], stalls = false) {
  const log: string[] = [];
  const fake: ControlConnection = {
    peerKey: null,
    dialled: true,
    remoteAddress: null,
    read: async () => pieces.shift() ?? null,
    write: (bytes) => {
      log.push(`write ${bytes.length}`);
      return stalls ? new Promise(() => {}) : Promise.resolve();
    },
    close: (reason) => log.push(`close ${reason}`),
    closed: new Promise(() => {}),
  };
  return { fake, log };
}

const RECORD = encodeRecord(RecordKind.sealed, 3, new Uint8Array(10));

describe('RecordStream', () => {
  test('next() gives one record at a time, whatever the pieces, then null', async () => {
    const three = Buffer.concat([RECORD, RECORD, RECORD]);
    const { fake } = connection([three.subarray(0, 5), three.subarray(5, 40), three.subarray(40)]);
    const stream = new RecordStream(fake, new SimClock());
    for (let i = 0; i < 3; i++) expect(await stream.next()).toMatchObject({ generation: 3 });
    expect(await stream.next()).toBeNull();
  });

  test('next() gives what came before garbage, then throws', async () => {
    const { fake } = connection([Buffer.concat([RECORD, new Uint8Array(20)])]);
    const stream = new RecordStream(fake, new SimClock());
    expect(await stream.next()).not.toBeNull();
    await expect(stream.next()).rejects.toMatchObject({ name: 'RecordError' });
  });

  test('send() closes when the peer does not read', () => {
    const { fake, log } = connection([], true);
    const stream = new RecordStream(fake, new SimClock());
    for (let i = 0; i < 20; i++) stream.send(new Uint8Array(4_000));
    expect(log.filter((line) => line.startsWith('write'))).toHaveLength(16);
    expect(log.filter((line) => line.startsWith('close'))).toEqual(['close the peer does not read']);
  });

  test('send() may go on for ever when the peer reads', async () => {
    const { fake, log } = connection([]);
    const stream = new RecordStream(fake, new SimClock());
    for (let i = 0; i < 100; i++) {
      stream.send(new Uint8Array(4_000));
      await settle();
    }
    expect(log).toHaveLength(100);
  });

  test('closeAfter() gives last words time, and nothing follows them', async () => {
    const clock = new SimClock();
    const { fake, log } = connection([]);
    const stream = new RecordStream(fake, clock);
    stream.closeAfter(new Uint8Array(7), 'bye');
    stream.send(new Uint8Array(8));
    expect(log).toEqual(['write 7']);
    await clock.advance(200);
    expect(log).toEqual(['write 7', 'close bye']);
  });
});
