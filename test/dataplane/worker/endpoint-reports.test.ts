import { describe, expect, test } from 'vitest';
import { EndpointReports } from '../../../dataplane/worker/endpoint-reports.ts';

function reports() {
  const told: number[] = [];
  return { told, subject: new EndpointReports((slot) => told.push(slot)) };
}

describe('EndpointReports', () => {
  test('moved() tells a move at once, whatever other peers do', () => {
    const { told, subject } = reports();
    subject.moved(1, 10_000);
    subject.moved(2, 10_001);
    expect(told).toEqual([1, 2]);
  });

  test('tells of a peer that moves with every frame once a second, its last move included', () => {
    const { told, subject } = reports();
    for (let nowMs = 10_000; nowMs < 13_000; nowMs += 1) {
      subject.moved(1, nowMs);
      if (nowMs % 500 === 0) subject.due(nowMs);
    }
    expect(told.length).toBeLessThanOrEqual(4);
    const before = told.length;
    subject.due(14_000);
    subject.due(15_000);
    expect(told.length).toBe(before + 1);
  });
});
