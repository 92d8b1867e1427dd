import type { Catalog, DbConfig } from './catalog.ts'
import { openPgCatalog } from './pg-catalog.ts'
import { openSqliteCatalog } from './sqlite-catalog.ts'

/** A pool of the size the configuration asks for. */
export function openCatalog(db: DbConfig, signal?: AbortSignal): Promise<Catalog> {
  return db.url === undefined ? openSqliteCatalog(db.pool.max) : openPgCatalog(db.url, db.pool.max, signal)
}
