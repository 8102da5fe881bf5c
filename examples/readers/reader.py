"""One request of a reader: a few artifacts, all of them of one release.

Usage: python3 reader.py STORE KIND IDENTITY...

STORE is the path of a file of SQLite, or the address of a server of PostgreSQL (postgres://..., with the package psycopg). Prints JSON:
the pinned snapshot, and the body of each artifact that it has.
"""

import json
import pathlib
import sqlite3
import sys

PIN = "SELECT snapshot FROM pointer WHERE name = 'live'"
READ = "SELECT media_type, body FROM pinned WHERE snapshot = {0} AND kind = {0} AND identity = {0}"


def connect(store):
    """The connection, and how it writes a parameter."""
    if store.startswith(("postgres://", "postgresql://")):
        import psycopg

        return psycopg.connect(store, autocommit=True), "%s"
    # Read only: a reader never makes a file.
    return sqlite3.connect(pathlib.Path(store).absolute().as_uri() + "?mode=ro", uri=True, timeout=10), "?"


def pin(connection):
    row = connection.execute(PIN).fetchone()
    return row[0] if row else None


def request(connection, parameter, kind, identities):
    """Every query asks the snapshot that was pinned first, however often the pointer moves meanwhile."""
    while True:
        snapshot = pin(connection)
        found = {}
        for identity in identities:
            row = connection.execute(READ.format(parameter), (snapshot, kind, identity)).fetchone()
            if row:
                media_type, body = row
                found[identity] = json.loads(body) if media_type == "application/json" else body
        # A snapshot that was removed since gives no rows; then readers were moved long before.
        if len(found) == len(identities) or pin(connection) == snapshot:
            return {"snapshot": snapshot, "found": found}


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    store, kind, *identities = sys.argv[1:]
    connection, parameter = connect(store)
    try:
        print(json.dumps(request(connection, parameter, kind, identities)))
    finally:
        connection.close()


if __name__ == "__main__":
    main()
