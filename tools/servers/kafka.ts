import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fillOnce } from './cache.ts';
import { findProgram, run, runOrThrow } from './command.ts';
import type { DebianPackages } from './debian.ts';
import { countBrokers, fetchGroupOffsets, takeProducerId } from './kafka-wire.ts';
import { DetachedProcess } from './processes.ts';
import type { Report, Server } from './server.ts';
import type { Settings } from './settings.ts';

const version = '3.9.2';
const logBinding = '1.7.36';
const copyJars = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const jvmFlags = [
  '-Xms512m',
  '-Xmx512m',
  '-XX:+UseSerialGC',
  '-Xss512k',
  '-XX:ReservedCodeCacheSize=64m',
  '-Djava.awt.headless=true',
];

/** One Apache Kafka node, broker and controller in one process, from the jars of Maven Central. */
export function kafka(settings: Settings, debian: DebianPackages): Server {
  const port = settings.ports.kafka;
  const folder = join(settings.folder, 'kafka');
  const install = join(settings.cacheFolder, `kafka-${version}`);
  const libs = join(install, 'libs', '*');
  const properties = join(folder, 'server.properties');
  const logFile = join(folder, 'kafka.log');
  const server = new DetachedProcess({
    pidFile: join(folder, 'kafka.pid'),
    signature: `kafka.Kafka ${properties}`,
  });

  return {
    name: 'kafka',
    address: `127.0.0.1:${port}`,
    logFile,
    version: () => `Apache Kafka ${version}`,
    install: async (report) => {
      await needJava(debian, report);
      await fillOnce(install, (unfinished) => downloadJars(unfinished, debian, report));
    },
    start: async () => {
      const data = join(folder, 'data');
      mkdirSync(data, { recursive: true });
      writeFileSync(properties, serverProperties({ port, data }));
      writeFileSync(join(folder, 'log4j.properties'), logProperties);
      const java = await needJava(debian, () => undefined);
      if (!isFormatted(data))
        await runOrThrow(
          java,
          ['-cp', libs, 'kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', properties],
          { withinMs: settings.startWithinMs },
        );
      const logging = `-Dlog4j.configuration=file:${join(folder, 'log4j.properties')}`;
      return server.start(java, [...jvmFlags, logging, '-cp', libs, 'kafka.Kafka', properties], {
        logFile,
        cwd: folder,
      });
    },
    healthy: async () => {
      if ((await countBrokers(port)) < 1) throw new Error('no broker has registered yet');
      // On a fresh data folder the first client of a group would meet coordinators that are still loading.
      await fetchGroupOffsets(port);
      await takeProducerId(port);
    },
    pid: () => server.pid(),
    stop: () => server.stop({ signals: ['SIGTERM'], graceMs: 20_000 }),
    forget: () => {
      rmSync(join(folder, 'data'), { recursive: true, force: true });
    },
    environment: () => ({ KAFKA_BROKERS: `127.0.0.1:${port}` }),
  };
}

/** The path of a Java that is new enough. */
async function needJava(debian: DebianPackages, report: Report): Promise<string> {
  const found = await findJava();
  if (found !== undefined) return found;
  await debian.install(['openjdk-17-jre-headless'], report);
  const installed = await findJava();
  if (installed === undefined) throw new Error('Java 17 or newer is needed to run Kafka');
  return installed;
}

async function findJava(): Promise<string | undefined> {
  const candidates = [findProgram('java'), '/usr/lib/jvm/java-17-openjdk-amd64/bin/java'];
  for (const java of candidates) {
    if (java === undefined) continue;
    const { code, output } = await run(java, ['-version']);
    const major = Number(/version "(\d+)/.exec(output)?.[1] ?? 0);
    if (code === 0 && major >= 17) return java;
  }
  return undefined;
}

async function downloadJars(folder: string, debian: DebianPackages, report: Report): Promise<void> {
  if (findProgram('mvn') === undefined) await debian.install(['maven'], report);
  report(`downloading Apache Kafka ${version} from Maven Central (58 MB, once)`);
  writeFileSync(join(folder, 'pom.xml'), pom());
  const download = (): Promise<string> =>
    runOrThrow('mvn', ['-B', '-q', copyJars, '-DoutputDirectory=libs'], {
      cwd: folder,
      withinMs: 1_200_000,
    });
  await download().catch(download);
  if (!existsSync(join(folder, 'libs', `kafka_2.13-${version}.jar`)))
    throw new Error(`mvn brought no kafka_2.13-${version}.jar`);
}

function pom(): string {
  const dependency = (group: string, artifact: string, of: string): string =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${of}</version></dependency>`;
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka-server</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    ${dependency('org.apache.kafka', 'kafka_2.13', version)}
    ${dependency('org.apache.kafka', 'kafka-tools', version)}
    ${dependency('org.slf4j', 'slf4j-reload4j', logBinding)}
  </dependencies>
</project>
`;
}

function serverProperties({ port, data }: { port: number; data: string }): string {
  const controllerPort = port + 1;
  return `process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.voters=1@127.0.0.1:${controllerPort}
log.dirs=${data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=100
num.network.threads=2
num.io.threads=4
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=16777216
`;
}

const logProperties = `log4j.rootLogger=WARN, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=[%d] %p %m (%c)%n
`;

function isFormatted(data: string): boolean {
  try {
    return readFileSync(join(data, 'meta.properties'), 'utf8').includes('cluster.id=');
  } catch {
    return false;
  }
}

/** Sixteen random bytes in Kafka's spelling, which never begins with a dash. */
function clusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
