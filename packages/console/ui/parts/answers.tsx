import type { AnswersView, AnswerView } from '../../src/wire/index.ts'
import { visibleLine } from '../visible.ts'
import { SaidIssues } from './said-issues.tsx'

interface AnswersProps {
  readonly answers: AnswersView
  /** Said where no instance is concerned. */
  readonly nobody: string
}

const WORDS: Readonly<Record<string, string>> = {
  accepted: 'would take it',
  applied: 'has it',
  rejected: 'refuses it',
  unjudged: 'cannot judge it',
  silent: 'has not answered',
  pending: 'has not said yet',
  gone: 'has left',
}

const REASONS: Readonly<Record<string, string>> = {
  behind: 'it has not got to this revision',
  hidden: 'it depends on a secret, or on a document with one, which is not sent',
  version: 'its livetree is too old',
  cannot: 'its livetree, its permissions or its sources do not let it',
  failed: 'its own schema threw an error',
}

/** What the running instances say, those who refuse first. */
export function Answers({ answers, nobody }: AnswersProps) {
  const { answers: all, hidden, unreadable } = answers
  const counts = Map.groupBy(all, ({ verdict }) => verdict)
  const order = ['rejected', 'unjudged', 'silent', 'pending', 'gone', 'accepted', 'applied']
  const sorted = all.toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict))
  if (all.length === 0) return <p class="quiet">{nobody}</p>
  return (
    <>
      <p class="sum">
        {order.flatMap((verdict) => {
          const count = counts.get(verdict)?.length ?? 0
          return count === 0
            ? []
            : [<span key={verdict} class={`verdict ${verdict}`}>{`${count} ${wordOf(verdict, count)}`}</span>]
        })}
        {unreadable > 0 && <span class="quiet">{unreadable} cannot be read here</span>}
      </p>
      {hidden.length > 0 && (
        <p class="warning">
          No instance has judged {hidden.map(visibleLine).join(', ')}: what may be secret is not sent.
        </p>
      )}
      <table class="answers">
        <thead>
          <tr>
            <th scope="col">Instance</th>
            <th scope="col">Says</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((answer) => (
            <tr key={`${answer.name} ${answer.id}`}>
              <td>
                {visibleLine(answer.host)} <span class="quiet">{visibleLine(answer.appVersion)}</span>
                <span class="id">{visibleLine(answer.id)}</span>
              </td>
              <td>
                <Verdict answer={answer} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

function Verdict({ answer }: { readonly answer: AnswerView }) {
  const { verdict, reason, issues, moreIssues, needsRestart } = answer
  return (
    <>
      <span class={`verdict ${verdict}`}>{WORDS[verdict] ?? verdict}</span>
      {reason !== '' && <span class="quiet">: {REASONS[reason] ?? reason}</span>}
      {needsRestart.length > 0 && (
        <p class="quiet">
          Runs the old value until it starts again: {needsRestart.map(visibleLine).join(', ')}
        </p>
      )}
      {(issues.length > 0 || moreIssues > 0) && <SaidIssues issues={issues} moreIssues={moreIssues} />}
    </>
  )
}

function wordOf(verdict: string, count: number): string {
  const word = WORDS[verdict] ?? verdict
  return count === 1 ? word : word.replace(/^has /, 'have ').replace('refuses', 'refuse')
}
