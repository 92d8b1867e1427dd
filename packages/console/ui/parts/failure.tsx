import type { ErrorView, IssueView } from '../../src/wire/index.ts'
import { visible, visibleLine } from '../visible.ts'

interface FailureProps {
  readonly error: ErrorView
  /** Tries again. */
  readonly again?: () => void
}

/** What failed, with what can be done. */
export function Failure({ error, again }: FailureProps) {
  return (
    <div class="failure" role="alert">
      <p>{visible(error.message)}</p>
      <Issues issues={error.issues} />
      {error.conflicts.length > 0 && (
        <ul class="issues">
          {error.conflicts.map((line) => (
            <li key={line}>{visibleLine(line)}</li>
          ))}
        </ul>
      )}
      {again !== undefined && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  )
}

/** What the schema says, place by place. */
export function Issues({ issues }: { readonly issues: readonly IssueView[] }) {
  if (issues.length === 0) return null
  return (
    <ul class="issues">
      {issues.map(({ pathText, message }, index) => (
        <li key={index}>
          {pathText !== '' && <code>{visibleLine(pathText)}</code>} {visible(message)}
        </li>
      ))}
    </ul>
  )
}
