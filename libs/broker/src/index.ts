export { startBroker } from './broker.ts';
export type { Broker } from './broker.ts';
export { startBrokerProcess } from './broker-process.ts';
export type { BrokerProcess, BrokerProcessOptions, Exit } from './broker-process.ts';
export type { BrokerOptions, BrokerSettings } from './options.ts';
