import type { Command } from 'commander'
import { filled } from './global-options.ts'

/**
 * Has every flag of a command, and of those below it, refuse an empty value: a variable of a shell was not set, and what it
 * was to name is not "nothing". A flag with a parser of its own has that refuse it.
 */
export function refuseEmpty(command: Command): void {
  for (const option of command.options) {
    if (!(option.required || option.optional) || option.parseArg !== undefined) continue
    if (option.variadic) option.argParser(eachFilled)
    else option.argParser(filled)
  }
  for (const inner of command.commands) refuseEmpty(inner)
}

function eachFilled(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, filled(text)]
}
