/** Remembers what the last frame looked like, so that a frame of the same kind is known at a glance. */
import { ENDPOINT_WORDS } from '../wire/endpoint.ts';
import { SEALED_HEADER_LEN, SEALED_NONCE_AT } from '../wire/geneve.ts';

/** Header words up to the counter: base header, both option headers, SPI, and the nonce's SPI. */
const HEADER_WORDS = SEALED_NONCE_AT / 4 + 1;

/** Owned by the queue's worker. Words are signed, which V8 needs no object for. */
export class FrameRun {
  readonly #view: DataView;
  readonly #words = new Int32Array(HEADER_WORDS + ENDPOINT_WORDS);
  /** Of the settings that the frame was judged by; -1 remembers nothing. */
  #version = -1;

  constructor(view: DataView) {
    this.#view = view;
  }

  /**
   * Begins a run with a frame that was located. One whose options lie elsewhere than where
   * `writeSealedHeader` puts them begins none.
   *
   * @param sourceAt Endpoint record of its outer source.
   * @param version  Rises with every change of what the frame was judged by.
   */
  begin(frameAt: number, sourceAt: number, headerLen: number, nonceAt: number, version: number): void {
    this.#version = -1;
    if (headerLen !== SEALED_HEADER_LEN || nonceAt !== frameAt + SEALED_NONCE_AT) return;
    for (let i = 0; i < HEADER_WORDS; i++) this.#words[i] = this.#view.getInt32(frameAt + i * 4);
    for (let i = 0; i < ENDPOINT_WORDS; i++) {
      this.#words[HEADER_WORDS + i] = this.#view.getInt32(sourceAt + i * 4);
    }
    this.#version = version;
  }

  /** Whether a frame of at least SEALED_HEADER_LEN bytes differs from the run's in counter and content only. */
  isLike(frameAt: number, sourceAt: number, version: number): boolean {
    const view = this.#view;
    const words = this.#words;
    if (version !== this.#version) return false;
    // SPIs first: they differ most often.
    for (let i = HEADER_WORDS - 1; i >= 0; i--) {
      if (view.getInt32(frameAt + i * 4) !== words[i]) return false;
    }
    for (let i = 0; i < ENDPOINT_WORDS; i++) {
      if (view.getInt32(sourceAt + i * 4) !== words[HEADER_WORDS + i]) return false;
    }
    return true;
  }
}
