import { outboxMigration } from '@flywheel/kafka';
import type { Migration } from '@flywheel/storage';

export const migrations: readonly Migration[] = [
  {
    name: '0001-create-registry',
    sql: `
      create table models (
        name text primary key,
        description text,
        created_ms bigint not null,
        updated_ms bigint not null,
        -- numbers are never used twice, also after a version was deleted
        next_version int not null default 1
      );
      -- numbers of names that are free again: who takes the name goes on counting
      create table spent_numbers (
        name text primary key,
        next_version int not null
      );
      create table model_tags (
        model text not null references models (name) on update cascade on delete cascade,
        key text not null,
        value text not null,
        primary key (model, key)
      );
      create table versions (
        model text not null references models (name) on update cascade on delete cascade,
        version int not null,
        -- as it was told, and where it is downloaded from
        source text not null,
        location text not null,
        -- of the files in the object store; empty where there are none
        folder text not null,
        run text,
        run_link text,
        logged_model text,
        description text,
        stage text not null default 'None',
        digest text not null,
        files jsonb not null,
        onnx text,
        created_ms bigint not null,
        updated_ms bigint not null,
        is_deleted boolean not null default false,
        primary key (model, version)
      );
      create table version_tags (
        model text not null,
        version int not null,
        key text not null,
        value text not null,
        primary key (model, version, key),
        foreign key (model, version) references versions (model, version) on update cascade on delete cascade
      );
      create table aliases (
        model text not null references models (name) on update cascade on delete cascade,
        alias text not null,
        version int not null,
        primary key (model, alias)
      );
      create table deployments (
        endpoint text not null,
        revision int not null,
        deployment jsonb not null,
        primary key (endpoint, revision)
      );
      create table comparison_reports (
        endpoint text not null,
        candidate_model text not null,
        candidate_version int not null,
        champion_model text not null,
        champion_version int not null,
        report jsonb not null,
        primary key (endpoint, candidate_model, candidate_version, champion_model, champion_version)
      );
      create table promotions (
        id text primary key,
        endpoint text not null,
        decided_at timestamptz not null,
        promotion jsonb not null
      );
      create table audit (
        id text primary key,
        at timestamptz not null,
        entry jsonb not null
      );`,
  },
  outboxMigration('0002-create-outbox'),
];
