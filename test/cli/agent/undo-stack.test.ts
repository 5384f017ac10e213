/** What was made is removed, whatever happens in between. */
import { expect, test } from 'vitest';
import { UndoStack } from '../../../cli/agent/undo-stack.ts';

test('UndoStack.unwind() runs steps newest first, one after the other', async () => {
  const undo = new UndoStack();
  const order: string[] = [];
  undo.push('first', () => void order.push('first'));
  undo.push('second', async () => {
    order.push('second begins');
    await new Promise((resolve) => setTimeout(resolve, 5));
    order.push('second ends');
  });
  undo.push('third', () => void order.push('third'));
  await undo.unwind(() => expect.unreachable());
  expect(order).toEqual(['third', 'second begins', 'second ends', 'first']);
});

test('UndoStack.unwind() names steps that fail and runs the others', async () => {
  const undo = new UndoStack();
  const done: string[] = [];
  const failed: unknown[] = [];
  undo.push('the socket', () => void done.push('the socket'));
  undo.push('the rules', () => {
    throw new Error('sync');
  });
  undo.push('the threads', () => Promise.reject(new Error('async')));
  undo.push('the routes', () => void done.push('the routes'));
  await undo.unwind((what, error) => failed.push([what, (error as Error).message]));
  expect(done).toEqual(['the routes', 'the socket']);
  expect(failed).toEqual([
    ['the threads', 'async'],
    ['the rules', 'sync'],
  ]);
});

test('UndoStack.unwind() runs each step once, also when called twice, and what was pushed meanwhile', async () => {
  const undo = new UndoStack();
  const order: string[] = [];
  undo.push('a', () => void order.push('a'));
  undo.push('b', () => {
    order.push('b');
    undo.push('late', () => void order.push('late'));
  });
  await Promise.all([undo.unwind(() => {}), undo.unwind(() => {})]);
  await undo.unwind(() => {});
  expect(order.toSorted()).toEqual(['a', 'b', 'late']);
});
