/** The one node of the cluster is everything: leader, controller and coordinator. */
export const nodeId = 1;

/** Where clients reach it. */
export type Address = { readonly host: string; readonly port: number };
