export { describePeers } from './peers/peers.contract.ts';
export type { PeersUnderTest } from './peers/peers.contract.ts';
