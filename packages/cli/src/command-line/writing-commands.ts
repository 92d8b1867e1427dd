import { type Command, Option } from 'commander'
import { count, revision } from './global-options.ts'
import type { Runner } from './runner.ts'
import { VariableOption } from './variable-option.ts'

/** Adds a command to the tree. */
export type Add = (
  usage: string,
  description: string,
  load: () => Promise<Runner>,
  parent?: Command,
  how?: { readonly isDefault?: boolean },
) => Command

/** The options of a command that writes. */
function writing(command: Command): Command {
  return command
    .addOption(
      new VariableOption(
        '--overlay <name>',
        'the layer that is written: the last part of its directory',
        'LIVETREE_OVERLAY',
        ['layer'],
      ),
    )
    .option('--layer <directory>', 'the layer that is written, by its whole directory')
    .option('-m, --message <why>', 'why, as the history shows it')
    .option('--dry-run', 'show what would change, and write nothing')
    .option('--allow-removal', 'what the change removes is meant to be gone, however much it is')
    .option('--force', 'write it although the schema refuses the tree; it is recorded')
    .addOption(
      new Option(
        '--if-revision <n>',
        'refuse if a key of the change was written after this revision',
      ).argParser(revision),
    )
    .option(...PREFLIGHT)
    .option(...WAIT)
}

/** What a command that writes asks of the running instances. */
export const PREFLIGHT = [
  '--preflight',
  'ask the running instances first, and write nothing unless all of them accept it',
] as const
export const WAIT = [
  '--wait',
  'wait until every running instance has applied it, and exit with 6 if one has not',
] as const

/** Which document of a file is meant. */
export function document(): Option {
  return new Option('--document <n>', 'which of several YAML documents of the file, from 1 on').argParser(
    count,
  )
}

/** The commands that write. */
export function addWriting(add: Add): void {
  const transfer = (command: Command) =>
    command
      .option('--format <format>', 'yaml, json, dotenv or etcdctl; default: by the name of the file')
      .option('--prune', 'remove what the layer has and the file has not')
      .option('--variable-prefix <text>', 'with dotenv: what the names begin with, such as SHOP_')
      .addOption(document())
  writing(add('set', 'set one value', async () => (await import('../commands/set.ts')).set))
    .argument('<path>', 'such as db.pool.max')
    .argument('<value>', 'a text, YAML for a list or an object, @FILE, or - for stdin')
  writing(
    add(
      'unset',
      'remove what one layer has at a path',
      async () => (await import('../commands/unset.ts')).unset,
    ),
  )
    .argument('<path>', 'such as db.pool.max')
    .option('-r, --recursive', 'also remove several keys below it')
  writing(
    add('edit', 'change one layer in your editor', async () => (await import('../commands/edit.ts')).edit),
  ).argument('[path]', 'edit only what is at or below this path')
  transfer(
    writing(
      add(
        'plan',
        'work a change out, and write nothing',
        async () => (await import('../commands/plan.ts')).plan,
      ),
    ),
  )
    .requiredOption('-f, --file <file>', 'what the layer shall hold, or - for stdin')
    .option('--out <file>', 'save the plan for `livetree apply`')
    .option('--exit-code', 'exit with 2 if something would change')
  transfer(
    writing(
      add('apply', 'apply a saved plan, or a file', async () => (await import('../commands/apply.ts')).apply),
    ),
  )
    .argument('[plan]', 'a file that `livetree plan --out` wrote, or - for stdin')
    .option('-f, --file <file>', 'what the layer shall hold, or - for stdin')
  writing(
    add(
      'rollback',
      'give keys the texts that they had at a revision',
      async () => (await import('../commands/rollback.ts')).rollback,
    ),
  )
    .addOption(new Option('--to <n>', 'the revision to go back to').argParser(revision).makeOptionMandatory())
    .option('--only <path...>', 'only what is at or below these paths')
  transfer(
    writing(
      add(
        'import',
        'write what a file holds',
        async () => (await import('../commands/import.ts')).importFile,
      ),
    ),
  ).argument('<file>', 'YAML, JSON, dotenv, or the output of etcdctl get --prefix -w json; - for stdin')
}
