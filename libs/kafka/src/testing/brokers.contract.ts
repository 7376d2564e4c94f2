// The bus knows no broker; its tests run on the embedded one.
/* eslint-disable @nx/enforce-module-boundaries -- only tests import this file */
export { startBrokerProcess } from '@flywheel/broker';
export type { BrokerProcess } from '@flywheel/broker';
export { startTestBroker } from '@flywheel/broker/testing';
