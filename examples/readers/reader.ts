// One request of a reader: a few artifacts, all of them of one release.
//
// Usage: node reader.js postgres://... KIND IDENTITY...
//
// Needs the package pg. Prints JSON: the pinned snapshot, and the body of each artifact that it has.

import { Client } from "pg";

interface Row {
  media_type: string;
  body: string;
}

interface Answer {
  snapshot: string | null;
  found: Record<string, unknown>;
}

const READ = "SELECT media_type, body FROM pinned WHERE snapshot = $1 AND kind = $2 AND identity = $3";

async function pin(client: Client): Promise<string | null> {
  const { rows } = await client.query<{ pin: string | null }>("SELECT pin()");
  return rows[0]?.pin ?? null;
}

// Every query asks the snapshot that was pinned first, however often the pointer moves meanwhile.
async function request(client: Client, kind: string, identities: string[]): Promise<Answer> {
  for (;;) {
    const snapshot = await pin(client);
    const found: Record<string, unknown> = {};
    for (const identity of identities) {
      const { rows } = await client.query<Row>(READ, [snapshot, kind, identity]);
      const row = rows[0];
      if (row) found[identity] = row.media_type === "application/json" ? JSON.parse(row.body) : row.body;
    }
    // A snapshot that was removed since gives no rows; then readers were moved long before.
    const all = Object.keys(found).length === identities.length;
    if (all || (await pin(client)) === snapshot) return { snapshot, found };
  }
}

async function main(): Promise<void> {
  const [store, kind, ...identities] = process.argv.slice(2);
  if (store === undefined || kind === undefined || identities.length === 0) {
    throw new Error("usage: node reader.js postgres://... KIND IDENTITY...");
  }
  const client = new Client({ connectionString: store });
  await client.connect();
  try {
    console.log(JSON.stringify(await request(client, kind, identities)));
  } finally {
    await client.end();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
