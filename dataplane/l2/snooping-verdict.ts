/** Where a multicast packet goes, as far as its own content says. */

export const Verdict = {
  /** Everywhere. */
  flood: 0,
  /** To routers, if there are any: it says what a station wants. */
  routers: 1,
  /** To who wants its destination's group, and to routers. */
  group: 2,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];
