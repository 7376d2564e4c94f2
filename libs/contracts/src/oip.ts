import { z } from 'zod';
import { defineOperation } from './operation.ts';

/** The Open Inference Protocol calls that our own clients make; the router serves the whole protocol as routes of its own. */
const tensor = z.looseObject({
  name: z.string(),
  datatype: z.string(),
  shape: z.array(z.number().int()),
  data: z.array(z.union([z.string(), z.number(), z.boolean()])),
});

export const infer = defineOperation({
  name: 'oip.infer',
  service: 'router',
  method: 'POST',
  path: '/v2/models/:model/infer',
  summary: 'Asks a model for predictions',
  params: z.object({ model: z.string() }),
  body: z.object({ id: z.string().optional(), inputs: z.array(tensor) }),
  reply: z.looseObject({
    model_name: z.string(),
    model_version: z.string().optional(),
    id: z.string().optional(),
    outputs: z.array(tensor),
  }),
});

/** Names of the output tensors of an endpoint. */
export const endpointOutputs = {
  /** FP32 [rows]: probability of the positive class. */
  probability: 'probability',
  /** BYTES [rows]: what feedback refers to. */
  predictionId: 'prediction_id',
} as const;
