import { compare, type EtcdClient, EtcdError, op } from '@livetree/etcd'
import { CallerWait, NOTHING_WRITTEN, WAIT_CHECKS, type WaitOptions } from './caller-wait.ts'
import { checkName, type OptionChecks, readOptions, refuse } from './check-argument.ts'
import { keyGone } from './key-gone.ts'
import { sendAgain } from './send-again.ts'
import { checkClient, type OpenSession, openedSession } from './session.ts'
import type { Session } from './session-contract.ts'
import { WriteFate } from './write-fate.ts'

/** Options of `Barrier.hold`. */
export interface HoldOptions extends WaitOptions {
  /** The barrier falls with this session. Default: it stays until somebody releases it. */
  readonly session?: Session
}

const HOLD_CHECKS: OptionChecks<HoldOptions> = {
  ...WAIT_CHECKS,
  session: { accepts: (value) => openedSession(value as Session) !== undefined, expected: 'a session' },
}

/** A gate: calls to `wait` resolve once it is released. Its key is that of Go's recipe `Barrier`. */
export interface Barrier {
  readonly name: string
  /**
   * Raises the barrier; one that is up stays as it is. Repeated until it is confirmed.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`, `session_lost`, `closed`: it was not raised; `invalid_argument`
   * for a session of another cluster; EtcdError `outcome_unknown` if the request was sent, and no answer came before the end of
   * the call, the session or the client: it may be up; EtcdError if etcd refuses
   */
  hold(options?: HoldOptions): Promise<void>
  /**
   * Resolves when the barrier is down, at once if it is not up.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`; EtcdError if etcd refuses
   */
  wait(options?: WaitOptions): Promise<void>
  /**
   * Takes down the barrier that is up now, and never one that is raised later. Repeated until it is confirmed.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`: it was not taken down; EtcdError `outcome_unknown` if the
   * request was sent, and no answer came before the end of the call or of the client: it may be down; EtcdError if etcd
   * refuses
   */
  release(options?: WaitOptions): Promise<void>
}

/**
 * Creates a barrier. It makes no I/O before the first call.
 *
 * @throws CoordinationError `invalid_argument`
 */
export function createBarrier(client: EtcdClient, name: string): Barrier {
  checkClient(client)
  checkName(name)
  return new KeyBarrier(client, name)
}

/**
 * Rejects a `hold` with a session that failed.
 *
 * @throws CoordinationError why the session ended, or `invalid_argument` for a session of another cluster; else `error` itself,
 * and always if that is EtcdError `outcome_unknown`
 */
async function refusal(owner: OpenSession, what: string, error: unknown): Promise<never> {
  if (error instanceof EtcdError && error.code === 'outcome_unknown') throw error
  await owner.noteUserError(error)
  owner.signal.throwIfAborted()
  const isForeign =
    error instanceof EtcdError && (error.code === 'cluster_changed' || error.code === 'lease_not_found')
  throw isForeign ? refuse(`the session of ${what} is of another cluster than the barrier`, error) : error
}

class KeyBarrier implements Barrier {
  readonly name: string
  readonly #client: EtcdClient

  constructor(client: EtcdClient, name: string) {
    this.#client = client
    this.name = name
  }

  async hold(options?: HoldOptions): Promise<void> {
    const what = `holding ${this.name}`
    const { session, ...limits } = readOptions('hold', HOLD_CHECKS, options)
    const owner = session === undefined ? undefined : openedSession(session)
    owner?.assertOpen()
    const call = { what, remedies: NOTHING_WRITTEN }
    using wait = new CallerWait(call, limits, ...(owner === undefined ? [] : [owner]))
    const { signal } = wait
    const put = op.put(this.name, '', owner === undefined ? {} : { lease: owner.lease })
    const txn = this.#client.kv.txn().if(compare.isAbsent(this.name)).then(put)
    const fate = new WriteFate(what, 'Hold it again: that does no harm.')
    const { onError } = fate
    const sending = sendAgain(() => txn.commit({ ...owner?.control, signal }), { signal, onError })
    const holding = sending.catch(fate.refuse)
    await (owner === undefined ? holding : holding.catch((error) => refusal(owner, what, error)))
  }

  async wait(options?: WaitOptions): Promise<void> {
    using wait = new CallerWait(`waiting for ${this.name}`, readOptions('wait', WAIT_CHECKS, options))
    const { signal } = wait
    for (let known = 0; ; ) {
      const { entries, header } = await wait.race(this.#read(signal))
      const createRevision = entries[0]?.createRevision
      // Raised again since: the one that was waited for is down.
      if (createRevision === undefined || (known > 0 && createRevision !== known)) return
      known = createRevision
      if (await wait.race(keyGone({ key: this.name }, { client: this.#client, header, signal }))) return
    }
  }

  async release(options?: WaitOptions): Promise<void> {
    const what = `releasing ${this.name}`
    const limits = readOptions('release', WAIT_CHECKS, options)
    using wait = new CallerWait({ what, remedies: NOTHING_WRITTEN }, limits)
    const { signal } = wait
    const [up] = (await wait.race(this.#read(signal))).entries
    if (up === undefined) return
    const isSame = compare.createRevision(this.name, '=', up.createRevision)
    const txn = this.#client.kv.txn().if(isSame).then(op.delete(this.name))
    const fate = new WriteFate(
      what,
      'Look whether it is up before you release it again: it may be a later one.',
    )
    const { onError } = fate
    await sendAgain(() => txn.commit({ signal }), { signal, isPatient: true, onError }).catch(fate.refuse)
  }

  #read(signal: AbortSignal) {
    return sendAgain(() => this.#client.kv.getRange({ key: this.name }), { signal, isPatient: true })
  }
}
