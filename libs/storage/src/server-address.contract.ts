/** The address of a real server that a suite runs on. */
export function serverAddress(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(`${name} is not set: this suite runs on real servers, by npm run test:servers`);
  return value;
}
