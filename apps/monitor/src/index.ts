export { monitor } from './service.ts';
