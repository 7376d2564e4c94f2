import { outboxMigration } from '@flywheel/kafka';
import type { Migration } from '@flywheel/storage';

export const migrations: readonly Migration[] = [
  {
    name: '0001-create-cases',
    sql: `
      -- One row per prediction: what the model said and, once it is known, what came of it. A row without at_ms is
      -- feedback that came before its prediction.
      create table cases (
        prediction text primary key,
        endpoint text not null,
        at_ms bigint,
        variant text,
        model text,
        version int,
        score float8,
        model_ms float8,
        vector bytea,
        record text,
        label float8,
        revision int,
        known_ms bigint,
        reported text
      );
      create index cases_by_time on cases (endpoint, at_ms);
      create table shadow_scores (
        prediction text not null,
        variant text not null,
        endpoint text not null,
        model text not null,
        version int not null,
        at_ms bigint not null,
        status text not null,
        score float8,
        model_ms float8,
        primary key (prediction, variant)
      );
      create index shadow_scores_by_time on shadow_scores (endpoint, model, version, at_ms);
      create table join_counts (
        endpoint text primary key,
        predictions bigint not null default 0,
        labelled bigint not null default 0,
        early bigint not null default 0,
        duplicates bigint not null default 0
      );
      create table shadow_counts (
        endpoint text not null,
        variant text not null,
        answered bigint not null default 0,
        primary key (endpoint, variant)
      );
      create table feature_names (
        endpoint text primary key,
        names jsonb not null
      );
      create table reference_profiles (
        endpoint text primary key,
        profile jsonb not null
      );
      create table reports (
        id text primary key,
        endpoint text not null,
        created_at timestamptz not null,
        report jsonb not null
      );
      create table alerts (
        id text primary key,
        fingerprint text not null,
        endpoint text not null,
        state text not null,
        at timestamptz not null,
        alert jsonb not null
      );`,
  },
  outboxMigration('0002-create-outbox'),
  {
    name: '0003-add-replaced-revision',
    sql: `
      -- The revision that the newest one replaced; null where it is the first.
      alter table cases add column replaced_revision int;`,
  },
  {
    name: '0004-create-feedback-read',
    sql: `
      -- How far feedback is counted, so that what is delivered again is not counted again.
      create table feedback_read (
        endpoint text not null,
        partition int not null,
        next_offset bigint not null,
        primary key (endpoint, partition)
      );`,
  },
];
