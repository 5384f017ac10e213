import { describe, expect, test } from 'vitest';
import { Notices } from '../../../controlplane/transport/notices.ts';

describe('Notices.say()', () => {
  test('reports one of a kind in 10 s and counts what it withheld', () => {
    const said: string[] = [];
    let nowMs = 5;
    const notices = new Notices(
      (notice) => said.push(notice),
      () => nowMs,
    );
    for (let count = 0; count < 5; count += 1) notices.say('key', 'stranger');
    notices.say('busy', 'too many');
    nowMs += 9_999;
    notices.say('key', 'stranger');
    nowMs += 1;
    notices.say('key', 'stranger');
    expect(said).toEqual(['stranger', 'too many', 'stranger (and 5 more like it)']);
  });
});
