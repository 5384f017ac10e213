/** Frames of networks that this queue does not have: the engine counts why each of them is dropped. */
import type { Engine } from '../path/engine.ts';
import type { Link } from './link.ts';

/** No network has it. */
const NO_VNI = -1;

export class StrayLink implements Link {
  readonly vni = NO_VNI;
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  open(frameAt: number, frameLen: number, sourceAt: number, nowMs: number): void {
    this.#engine.decap(frameAt, frameLen, sourceAt, frameAt, nowMs);
  }

  flush(): void {}

  sweep(): void {}
}
