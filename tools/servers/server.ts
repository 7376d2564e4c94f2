/** The servers that the distributed platform needs. */
export const serverNames = ['kafka', 'postgres', 'redis', 's3'] as const;
export type ServerName = (typeof serverNames)[number];

/** Tells the person who waits what is going on, one short line at a time. */
export type Report = (line: string) => void;

/** One real server on this machine: what it is, how to get it, start it, ask it and end it. */
export type Server = {
  readonly name: ServerName;
  /** Host and port where clients reach it. */
  readonly address: string;
  /** Where everything it prints is kept. */
  readonly logFile: string;
  /** What runs, with its pinned version, such as `Apache Kafka 3.9.2`. */
  version(): string;
  /** Makes the program available. Calling it again is cheap. Throws a sentence that says what to do. */
  install(report: Report): Promise<void>;
  /** Starts the process detached from this one and gives its pid; it need not be healthy yet. */
  start(): Promise<number>;
  /** Resolves when clients can use it, throws the reason otherwise. Creates what clients take for granted (database, bucket). */
  healthy(): Promise<void>;
  /** The pid of the process that serves this data folder. */
  pid(): number | undefined;
  /** Ends the process, politely at first; false when none ran. */
  stop(): Promise<boolean>;
  /** Throws all that it keeps away; only while it does not run. */
  forget(): void;
  /** The platform's variables that lead to it. */
  environment(): Readonly<Record<string, string>>;
};
