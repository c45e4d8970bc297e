/** The only list of adapters. Each is loaded when a configuration names it, so that no SDK is loaded in vain. */
export const adapters = {
  embedded: () => import("./embedded/adapter.ts"),
} as const;
