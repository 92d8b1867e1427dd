/** Every exit code of the command, with its meaning. */
export const EXIT_CODES = {
  0: 'Done.',
  1: 'Something unexpected happened.',
  2: 'There are differences, or a difference of schemas of which it cannot be told what it breaks; only with --exit-code.',
  3: 'Nothing is at that path, or the revision is compacted or still to come.',
  4: 'Somebody else changed the same keys.',
  5: 'The schema refuses it, or running instances would refuse what it removes.',
  6: 'Running instances refused it, or did not take it in time.',
  7: 'The user of the store may not do that, or was not accepted.',
  8: 'The store cannot be reached.',
  64: 'The command line, the configuration file or a given file is wrong.',
  124: 'The time limit ended (--timeout).',
  130: 'Interrupted.',
} as const

/** An exit code of the command. */
export type ExitCode = keyof typeof EXIT_CODES
