import { useEffect, useRef, useState } from 'preact/hooks'
import type { AnswersView, ErrorView } from '../../src/wire/index.ts'
import { errorView, get } from '../api.ts'
import type { ScreenProps, Written } from '../screen-props.ts'
import { addressOf } from '../places.ts'
import { Answers } from './answers.tsx'
import { Failure } from './failure.tsx'
import { placesOf, PlannedList } from './planned-list.tsx'

/** How long the instances are waited for, and how long one request waits, in milliseconds. */
const PATIENCE_MS = 60_000
const WAIT_MS = 2_000

/** What was written, who took it, and the way back. */
export function AppliedPanel({ written, setDraft }: ScreenProps & { readonly written: Written }) {
  const { revision, plan, id } = written
  const { answers, error, isWaiting } = useVerdicts(revision)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  const takeBack = () => setDraft({ rollbackTo: revision - 1, only: placesOf(plan.changes) })
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        {id === '' ? 'Nothing had to be written' : `Applied as revision ${revision}`}
      </h1>
      <section aria-label="Instances">
        {error !== undefined && <Failure error={error} />}
        {answers !== undefined && <Answers answers={answers} nobody="No running instance reads this tree." />}
        {isWaiting && <p class="quiet">Waiting for the instances…</p>}
      </section>
      <PlannedList changes={plan.changes} revision={revision} onRemove={undefined} />
      <p class="buttons">
        {id !== '' && (
          <button type="button" onClick={takeBack}>
            Take it back…
          </button>
        )}
        <a href={addressOf('tree')}>To the tree</a>
        <a href={addressOf('history')}>To the history</a>
      </p>
    </>
  )
}

/** A store that takes long is asked again. */
function lateAsNothing(error: unknown): undefined {
  if (errorView(error).code !== 'timeout') throw error
}

/** What the instances say of a revision, as it comes in. */
function useVerdicts(revision: number) {
  const [answers, setAnswers] = useState<AnswersView>()
  const [error, setError] = useState<ErrorView>()
  const [isWaiting, setWaiting] = useState(true)
  useEffect(() => {
    const stop = new AbortController()
    const until = performance.now() + PATIENCE_MS
    const ask = async () => {
      while (!stop.signal.aborted && performance.now() < until) {
        const found = await get<AnswersView>('verdicts', { revision, waitMs: WAIT_MS }, stop.signal).catch(
          lateAsNothing,
        )
        if (stop.signal.aborted) return
        if (found === undefined) continue
        setAnswers(found)
        if (!found.answers.some(({ verdict }) => verdict === 'pending')) return
      }
    }
    ask()
      .catch((reason) => stop.signal.aborted || setError(errorView(reason)))
      .finally(() => setWaiting(false))
    return () => stop.abort()
  }, [revision])
  return { answers, error, isWaiting }
}
