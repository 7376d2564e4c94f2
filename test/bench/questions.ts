import { featureStore } from '@flywheel/contracts';
import { FlightData } from '@flywheel/flywheel/testing';
import type { LapClient } from '@flywheel/flywheel/testing';

/** What the endpoint is asked, and what the model is asked when the features are joined already. */
export type Questions = {
  bodies: string[];
  vectors: number[][];
  vectorBodies: string[];
};

const COUNT = 256;
const HOUR_MS = 3_600_000;
const LAST_DAY_MS = Date.parse('2001-06-30T00:00:00Z');

/** Flights of the last day of the data, and their vectors as the feature store joins them; only those without a gap. */
export async function pickQuestions(options: {
  client: LapClient;
  featureService: string;
  rows: number | 'all';
  folder: string;
}): Promise<Questions> {
  await using data = await FlightData.open(options.rows, options.folder);
  const flights = [];
  for await (const flight of data.replay('june', 'date'))
    if (flight.dateMs >= LAST_DAY_MS) flights.push(flight);
  const stride = Math.max(1, Math.floor(flights.length / COUNT));
  const picked = flights.filter((_, index) => index % stride === 0).slice(0, COUNT);
  const { vectors } = await options.client.call(featureStore.readVectors, {
    body: {
      service: options.featureService,
      rows: picked.map(({ origin, destination, dateMs, distance }) => ({
        entities: { origin, route: `${origin}-${destination}` },
        request: { date: new Date(dateMs).toISOString(), distance },
        asOfMs: dateMs - HOUR_MS,
      })),
    },
  });
  const questions: Questions = { bodies: [], vectors: [], vectorBodies: [] };
  for (const [index, { origin, destination, dateMs, distance }] of picked.entries()) {
    const vector = vectors[index]!.values.filter((value) => value !== null);
    if (vector.length < vectors[index]!.values.length) continue;
    const tensor = (name: string, datatype: string, data: unknown) => ({
      name,
      datatype,
      shape: [1],
      data: [data],
    });
    questions.bodies.push(
      JSON.stringify({
        inputs: [
          tensor('origin', 'BYTES', origin),
          tensor('destination', 'BYTES', destination),
          tensor('date', 'BYTES', new Date(dateMs).toISOString()),
          tensor('distance', 'FP32', distance),
        ],
      }),
    );
    questions.vectors.push(vector);
    questions.vectorBodies.push(
      JSON.stringify({
        inputs: [{ name: 'features', datatype: 'FP32', shape: [1, vector.length], data: vector }],
      }),
    );
  }
  if (questions.bodies.length === 0)
    throw new Error(
      'no flight of the last day has all its features: was the lap turned on fewer rows?',
    );
  return questions;
}
