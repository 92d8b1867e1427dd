import { visible, visibleLine } from '../visible.ts'

/** What an instance says is wrong, and how much more there is. */
export function SaidIssues({
  issues,
  moreIssues,
}: {
  readonly issues: readonly { readonly path: string; readonly message: string }[]
  readonly moreIssues: number
}) {
  return (
    <ul class="issues">
      {issues.map(({ path, message }, index) => (
        <li key={index}>
          <code>{visibleLine(path)}</code> {visible(message)}
        </li>
      ))}
      {moreIssues > 0 && <li class="quiet">and {moreIssues} more</li>}
    </ul>
  )
}
