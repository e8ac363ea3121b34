import { afterAll, describe, expect, test } from 'vitest';
import pg from 'pg';
import { type StoreFixture, storeCasesFor } from '../../../src/testing/index.ts';
import { requireComponent } from '../components/components.ts';
import { PostgresStore } from './postgres-store.ts';

const postgres = await requireComponent('postgres');
const url = postgres.available ? (postgres.env['HEDDLE_TEST_POSTGRES'] ?? '') : '';
const schemas: string[] = [];

async function fixture(): Promise<StoreFixture> {
  const schema = `store_${process.pid}_${schemas.length}`;
  schemas.push(schema);
  const opened: PostgresStore[] = [];
  const open = async (): Promise<PostgresStore> => {
    const store = await PostgresStore.open(url, schema);
    opened.push(store);
    return store;
  };
  const store = await open();
  return {
    store,
    another: open,
    reopen: async () => {
      await store[Symbol.asyncDispose]();
      return open();
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of opened) await each[Symbol.asyncDispose]();
    },
  };
}

afterAll(async () => {
  if (url === '') return;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const schema of schemas) await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  await client.end();
});

describe.skipIf(!postgres.available)('the store contract on a real PostgreSQL', () => {
  test.each(storeCasesFor(['jobs', 'another', 'reopen']))('$name', async (storeCase) => {
    await expect(storeCase.run(fixture)).resolves.toBeUndefined();
  });
});
