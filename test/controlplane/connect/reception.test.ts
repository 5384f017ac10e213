import { describe, expect, test } from 'vitest';
import { RawClient } from '../simulation/raw-client.ts';
import { SimPair } from '../simulation/sim-pair.ts';

describe('Reception', () => {
  test('closes the connection of a caller that ends its stream without a word', async () => {
    const pair = new SimPair();
    await pair.startHigher();
    pair.network.pins = false;
    await RawClient.connect(pair, pair.higher);
    const answering = pair.network.connections.at(-1);
    // The stream is finished; the connection below it goes on for as long as the caller likes.
    answering?.arrive(null);
    await pair.clock.advance(100);
    expect(answering?.closeReason).toBe('refused');
  });
});
