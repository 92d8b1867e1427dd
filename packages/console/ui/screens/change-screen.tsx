import { useEffect, useRef, useState } from 'preact/hooks'
import type { AnswersView, AppliedView, ChangeWire, ErrorView, PlanView } from '../../src/wire/index.ts'
import { errorView, post } from '../api.ts'
import type { ScreenProps, Written } from '../screen-props.ts'
import { withoutStep } from '../draft.ts'
import { Answers } from '../parts/answers.tsx'
import { AppliedPanel } from '../parts/applied-panel.tsx'
import { Failure, Issues } from '../parts/failure.tsx'
import { PlannedList } from '../parts/planned-list.tsx'
import { useLoaded } from '../parts/use-loaded.ts'
import { addressOf } from '../places.ts'
import { lastName, sideName } from '../side-name.ts'
import { visibleLine } from '../visible.ts'

/** The change that was begun: what it comes to, what the instances say of it, why; and what became of it. */
export function ChangeScreen(props: ScreenProps) {
  const { draft } = props
  const [written, setWritten] = useState<Written>()
  const isOver = written !== undefined && draft === undefined
  return (
    <div class="column">
      {isOver && <AppliedPanel {...props} written={written} />}
      {draft === undefined && !isOver && (
        <>
          <h1>No change begun</h1>
          <p class="quiet">
            Choose a value in the <a href={addressOf('tree')}>tree</a> and change it, or take back an entry of
            the <a href={addressOf('history')}>history</a>. Nothing is written before you apply it here.
          </p>
        </>
      )}
      {draft !== undefined && <Review {...props} change={draft} onWritten={setWritten} />}
    </div>
  )
}

interface ReviewProps extends ScreenProps {
  readonly change: ChangeWire
  readonly onWritten: (written: Written) => void
}

function Review({ change, setDraft, revision, onWritten }: ReviewProps) {
  const plan = useLoaded((signal) => post<PlanView>('plan', change, signal), [change])
  // Of one change: another one is another write, also after an attempt that may have been applied.
  const write = useRef({ change, id: newId() })
  if (write.current.change !== change) write.current = { change, id: newId() }
  const [why, setWhy] = useState(() => reasonAtFirst(change))
  const [allowRemoval, setAllowRemoval] = useState(false)
  const [error, setError] = useState<ErrorView>()
  const [isBusy, setBusy] = useState(false)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  const { data, isLoading } = plan
  const isReady = data !== undefined && !isLoading && data.changes.length > 0 && data.issues.length === 0
  const apply = async () => {
    if (data === undefined) return
    setBusy(true)
    setError(undefined)
    try {
      const wire = { id: write.current.id, change, digest: data.digest, message: why.trim(), allowRemoval }
      const applied = await post<AppliedView>('apply', wire)
      onWritten({ ...applied, plan: data })
      setDraft(undefined)
    } catch (reason) {
      const view = errorView(reason)
      // What has an answer is over: the next attempt is another write.
      if (!(view.code in UNSETTLED)) write.current = { change, id: newId() }
      setError({ ...view, message: UNSETTLED[view.code] ?? view.message })
      if (view.code === 'moved' || view.code === 'conflict') plan.again()
    } finally {
      setBusy(false)
    }
  }
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        {headingOf(change)}
      </h1>
      {plan.error !== undefined && <Failure error={plan.error} again={plan.again} />}
      {data === undefined && isLoading && <p class="quiet">Working it out…</p>}
      {data !== undefined && (
        <>
          <PlannedList
            changes={data.changes}
            revision={data.revision}
            onRemove={'rollbackTo' in change ? undefined : (path) => setDraft(withoutStep(change, path))}
          />
          {data.issues.length > 0 && (
            <div class="failure" role="alert">
              <p>The schema refuses the tree as this would leave it. It cannot be applied like that:</p>
              <Issues issues={data.issues} />
            </div>
          )}
          {data.changes.length > 0 && data.issues.length === 0 && (
            <Preflight key={data.digest} change={change} digest={data.digest} allowRemoval={allowRemoval} />
          )}
          {data.needsAllowRemoval && (
            <label class="check">
              <input
                type="checkbox"
                checked={allowRemoval}
                onChange={({ currentTarget }) => setAllowRemoval(currentTarget.checked)}
              />
              It removes so much that running instances would refuse it. All of that is meant to be gone.
            </label>
          )}
          <label>
            Why, as the history shows it
            <textarea
              rows={2}
              maxLength={4_000}
              value={why}
              onInput={({ currentTarget }) => setWhy(currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && isReady) void apply()
              }}
            />
          </label>
        </>
      )}
      {error !== undefined && <Failure error={error} />}
      <p class="buttons">
        <button
          type="button"
          class="main"
          disabled={!isReady || isBusy || (data.needsAllowRemoval && !allowRemoval)}
          onClick={() => void apply()}
        >
          {isBusy ? 'Applying…' : 'Apply'}
        </button>
        {'steps' in change && <a href={addressOf('tree')}>Add another place</a>}
        {'promote' in change && <a href={addressOf('compare')}>Choose other places</a>}
        <button type="button" onClick={() => setDraft(undefined)}>
          Discard
        </button>
        {data !== undefined && revision > data.revision && (
          <button type="button" class="link" onClick={plan.again}>
            The tree has moved since: work it out again
          </button>
        )}
      </p>
    </>
  )
}

const MAY_BE_APPLIED =
  'The change may be applied already. Apply it again: it is written once, and what became of it is shown.'

/** Failures that do not tell whether the change was written. What stands between may have answered for the console. */
const UNSETTLED: Readonly<Record<string, string>> = {
  away: `The console does not answer. ${MAY_BE_APPLIED}`,
  internal: `There was no answer that says what became of it. ${MAY_BE_APPLIED}`,
  outcome_unknown: `The store went away while it wrote. ${MAY_BE_APPLIED}`,
}

/** A UUID of version 7, which begins with the time. `crypto.randomUUID` is not there on plain HTTP. */
function newId(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  const [version, variant, ...others] = crypto.getRandomValues(new Uint16Array(5))
  const random = [0x7000 | ((version ?? 0) & 0xfff), 0x8000 | ((variant ?? 0) & 0x3fff), ...others].map(
    (part) => part.toString(16).padStart(4, '0'),
  )
  return `${time.slice(0, 8)}-${time.slice(8)}-${random[0]}-${random[1]}-${random.slice(2).join('')}`
}

function headingOf(change: ChangeWire): string {
  if ('rollbackTo' in change) return `Take back: as it was at revision ${change.rollbackTo}`
  if ('steps' in change) return 'Review the change'
  const { from, layer } = change.promote
  return `Promote from ${visibleLine(sideName(from))} into ${visibleLine(lastName(layer))}`
}

/** A promotion says where it is from, unless there is a better reason. */
function reasonAtFirst(change: ChangeWire): string {
  return 'promote' in change ? `promoted from ${sideName(change.promote.from)}` : ''
}

interface PreflightProps {
  readonly change: ChangeWire
  readonly digest: string
  readonly allowRemoval: boolean
}

/** Asks the running instances, on demand. */
function Preflight({ change, digest, allowRemoval }: PreflightProps) {
  const [answers, setAnswers] = useState<AnswersView>()
  const [error, setError] = useState<ErrorView>()
  const [isBusy, setBusy] = useState(false)
  const ask = async () => {
    setBusy(true)
    setError(undefined)
    try {
      setAnswers(await post<AnswersView>('preflight', { id: '', change, digest, message: '', allowRemoval }))
    } catch (reason) {
      setError(errorView(reason))
    } finally {
      setBusy(false)
    }
  }
  return (
    <section class="preflight">
      <button type="button" disabled={isBusy} onClick={() => void ask()}>
        {isBusy ? 'Asking…' : 'Ask the running instances first'}
      </button>
      <div aria-live="polite">
        {error !== undefined && <Failure error={error} />}
        {answers !== undefined && (
          <Answers answers={answers} nobody="No running instance reads these keys." />
        )}
      </div>
    </section>
  )
}
