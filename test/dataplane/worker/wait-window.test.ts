import { describe, expect, test } from 'vitest';
import { WaitWindow } from '../../../dataplane/worker/wait-window.ts';

/** A request, and the time until something came. */
function ask(window: WaitWindow, answerMs: number): number {
  window.turned(1, 0);
  const { ms } = window;
  window.waited(answerMs);
  return ms;
}

describe('WaitWindow', () => {
  test('is open after few packets out', () => {
    const window = new WaitWindow();
    window.turned(1, 0);
    expect(window.ms).toBeGreaterThan(0.1);
  });

  test.each([
    ['nothing happened', 0, 0],
    ['packets came in', 0, 1],
    ['packets went out and came in', 1, 1],
    ['many packets went out', 40, 0],
  ])('is closed when %s', (_, sent, received) => {
    const window = new WaitWindow();
    window.turned(sent, received);
    expect(window.ms).toBe(0);
  });

  test('all but closes when no answer comes: a sender of datagrams pays next to nothing', () => {
    const window = new WaitWindow();
    ask(window, 10);
    expect(Math.max(...Array.from({ length: 100 }, () => ask(window, 10)))).toBeLessThanOrEqual(0.01);
  });

  test('opens again once answers come', () => {
    const window = new WaitWindow();
    ask(window, 10);
    for (let i = 0; i < 4; i++) ask(window, 0.2);
    expect(ask(window, 0.2)).toBeGreaterThan(0.2);
  });

  test('never takes more than half a millisecond', () => {
    const window = new WaitWindow();
    for (let i = 0; i < 20; i++) expect(ask(window, 0.1)).toBeLessThan(0.5);
  });
});
