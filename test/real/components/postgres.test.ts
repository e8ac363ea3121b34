import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { requireComponent } from './components.ts';

const postgres = await requireComponent('postgres');

describe.skipIf(!postgres.available)('the PostgreSQL component', () => {
  test('answers on its own socket, and starting it again gives the same server', async () => {
    const again = await requireComponent('postgres');
    const client = new pg.Client({ connectionString: (again.available && again.env['HEDDLE_TEST_POSTGRES']) || '' });

    await client.connect();
    const answer = await client.query<{ listen_addresses: string }>('show listen_addresses');
    await client.end();

    expect(again).toEqual(postgres);
    expect(answer.rows).toEqual([{ listen_addresses: '' }]);
  });
});
