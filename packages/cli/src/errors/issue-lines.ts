import type { Issue } from '@livetree/core'
import { shortKey } from '../output/safe-text.ts'

/** Nobody reads more. */
const MOST = 50

/** The lines that say what is wrong with a tree: the path and the problem, then the keys that say so. */
export function issueLines(issues: readonly Issue[]): readonly string[] {
  const lines = issues.slice(0, MOST).flatMap((issue) => {
    const where = issue.pathText === '' ? '(the whole tree)' : issue.pathText
    const message = issue.received === undefined ? issue.message : withReceived(issue.message, issue.received)
    const keys = issue.origins.map(({ source, key, revision }) => {
      const at = revision > 0 ? `, revision ${revision}` : ''
      return `  ${source}: ${shortKey(key)}${at}`
    })
    return [`${where}: ${message}`, ...keys]
  })
  return issues.length > MOST ? [...lines, `and ${issues.length - MOST} more`] : lines
}

/** What was found takes the place of its type, with which messages of zod end. */
function withReceived(message: string, received: string): string {
  return `${message.replace(/, received \w+$/, '')}, received ${received}`
}
