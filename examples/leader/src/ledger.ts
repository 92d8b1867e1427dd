import { DatabaseSync } from 'node:sqlite'

/** A write of a leader that is not the newest one. */
export class StaleTokenError extends Error {
  constructor(token: number, newest: number) {
    super(`token ${token} is older than ${newest}`)
  }
}

/**
 * The invoices, in a file: a store outside etcd that knows nothing of locks. It remembers the highest fencing token that
 * it has seen and refuses lower ones, so a leader that was replaced can write nothing, however late it wakes up.
 */
export class Ledger implements Disposable {
  readonly #file: DatabaseSync

  constructor(path: string) {
    this.#file = new DatabaseSync(path, { timeout: 10_000 })
    this.#file.exec(`
      create table if not exists invoices (number integer primary key, leader text, token integer);
      create table if not exists fence (id integer primary key check (id = 1), token integer);
      insert or ignore into fence values (1, 0);
    `)
  }

  /**
   * Books an invoice once: a number that is booked already stays as it is.
   *
   * @throws StaleTokenError if a newer leader has written
   */
  book(number: number, leader: string, token: number): void {
    this.#file.exec('begin immediate')
    try {
      const raised = this.#file.prepare('update fence set token = ? where token <= ?').run(token, token)
      if (raised.changes === 0) throw new StaleTokenError(token, this.#newest)
      this.#file.prepare('insert or ignore into invoices values (?, ?, ?)').run(number, leader, token)
      this.#file.exec('commit')
    } catch (error) {
      this.#file.exec('rollback')
      throw error
    }
  }

  /** All invoices, by number. */
  list(): { number: number; leader: string; token: number }[] {
    const rows = this.#file.prepare('select number, leader, token from invoices order by number').all()
    return rows.map(({ number, leader, token }) => ({
      number: Number(number),
      leader: String(leader),
      token: Number(token),
    }))
  }

  [Symbol.dispose](): void {
    this.#file.close()
  }

  get #newest(): number {
    return Number(this.#file.prepare('select token from fence').get()?.token)
  }
}
