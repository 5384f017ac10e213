import { expect, test } from 'vitest';
import { missingPrograms } from '../../../bench/end-to-end/requirements.ts';

test('missingPrograms() says nothing about programs that are there', () => {
  expect(missingPrograms(['sh', 'cat'])).toBeNull();
});

test('missingPrograms() names each package once', () => {
  expect(missingPrograms(['sh', 'no-such-program', 'no-such-program'])).toBe(
    'apt-get install no-such-program',
  );
});
