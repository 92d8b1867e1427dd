import { relative } from 'node:path'
import type { GlobalOptions } from './command-line/global-options.ts'
import type { ConfigFile } from './config-file/find-config.ts'
import { Deadline } from './deadline.ts'
import { CliError, usageError } from './errors/cli-error.ts'
import { thrownBy } from './errors/thrown-by.ts'
import type { SentChange } from './errors/with-fate.ts'
import type { Io } from './output/io.ts'
import { safeLines, safeText } from './output/safe-text.ts'
import { type Style, styleFor } from './output/style.ts'

/** What every command works with: its options, its streams and its time. */
export class Session {
  readonly io: Io
  readonly options: GlobalOptions
  readonly deadline: Deadline
  /** Colours for data, and for everything else. */
  readonly style: Style
  readonly noteStyle: Style
  readonly #closers: (() => Promise<unknown>)[] = []
  #notes: string[] = []
  #isEditing = false
  /** The configuration file whose code runs, the first of several. */
  #loaded: string | undefined
  #hear: (isHearing: boolean) => void = () => {}
  #change: SentChange = { id: undefined, state: 'none' }

  constructor(io: Io, options: GlobalOptions) {
    this.io = io
    this.options = options
    this.deadline = new Deadline(options.timeoutMs)
    this.style = styleFor(io.stdout, io.env)
    this.noteStyle = styleFor(io.stderr, io.env)
  }

  /** The time and the signal of a call. */
  get call(): { readonly timeoutMs: number; readonly signal: AbortSignal } {
    return { timeoutMs: this.deadline.callMs, signal: this.deadline.signal }
  }

  /** Writes a line to stderr: what is no data. */
  note(text: string): void {
    this.io.stderr.write(`${safeLines(text)}\n`)
  }

  /** Writes a warning to stderr. */
  warn(text: string): void {
    this.io.stderr.write(`${this.noteStyle('warn', 'warning:')} ${safeLines(text)}\n`)
  }

  /** A line for stderr that is written when the command has succeeded, after its data. */
  noteAtEnd(text: string): void {
    this.#notes.push(text)
  }

  /** Writes the lines that were kept for the end. */
  writeNotes(): void {
    for (const note of this.#notes.splice(0)) this.note(note)
  }

  /** Whether somebody can be asked. */
  get canAsk(): boolean {
    return this.options.input && this.io.stdin.isTTY === true && this.io.stderr.isTTY === true
  }

  /**
   * Asks for a yes. The time of the command stands still meanwhile.
   *
   * @param what `Apply 3 changes to /config/shop/prod`
   * @throws CliError 64 where nobody can be asked and there is no `--yes`; 130 for another answer than yes
   */
  async confirm(what: string): Promise<void> {
    if (this.options.yes) return
    if (!this.canAsk) throw usageError(`${what}: nobody can be asked here`, 'Give --yes if that is meant.')
    const answer = await this.#ask(`${safeText(what)}? [y/N] `)
    if (!/^y(es)?$/i.test(answer.trim()))
      throw new CliError(130, 'Nothing was written: the answer was not yes', { code: 'interrupted' })
  }

  async #ask(question: string): Promise<string> {
    const { createInterface } = await import('node:readline/promises')
    const asking = createInterface({
      input: this.io.stdin,
      output: process.stderr,
      terminal: true,
    })
    this.deadline.pause()
    try {
      asking.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
      return await asking.question(question, { signal: this.deadline.signal })
    } catch (error) {
      if (this.deadline.signal.aborted) throw error
      // The end of the input, Ctrl-D: nobody answered.
      this.note('')
      return ''
    } finally {
      asking.close()
      this.deadline.resume()
    }
  }

  /** Interrupts the command. While an editor is open, Ctrl-C is a key of the editor. */
  interrupt(signal?: string): void {
    if (!(this.#isEditing && signal === 'SIGINT')) this.deadline.interrupt()
  }

  /**
   * Waits for an editor, in time that does not count; the time of the command starts again from zero.
   *
   * @throws CliError 130 as soon as the command is ended meanwhile: the editor may go on
   */
  async editing<R>(edit: () => Promise<R>): Promise<R> {
    const { signal } = this.deadline
    signal.throwIfAborted()
    this.deadline.pause()
    this.#isEditing = true
    let end = () => {}
    const ended = new Promise<never>((_, reject) => {
      end = () => reject(signal.reason as CliError)
      signal.addEventListener('abort', end)
    })
    try {
      return await Promise.race([edit(), ended])
    } finally {
      signal.removeEventListener('abort', end)
      this.#isEditing = false
      this.deadline.renew()
    }
  }

  /** How far the change of the command got. */
  get change(): SentChange {
    return this.#change
  }

  /**
   * Writes to the store. The command gets the time to learn the fate of the change, and says on stderr that it asks.
   *
   * @param apply calls its argument with the id of the change, before it sends the change
   */
  async write<R>(apply: (onSend: (id: string) => void) => Promise<R>): Promise<R> {
    const { signal } = this.deadline
    const explain = () => {
      const { id } = this.#change
      if (id !== undefined)
        this.note(`Asking the store what became of the change ${id}. Ctrl-C ends without an answer.`)
    }
    signal.addEventListener('abort', explain, { once: true })
    let state: SentChange['state'] = 'settled'
    try {
      const done = await this.deadline.write(() =>
        apply((id) => {
          this.#change = { id, state: 'sent' }
        }),
      )
      state = 'written'
      return done
    } finally {
      this.#change = { ...this.#change, state }
      signal.removeEventListener('abort', explain)
    }
  }

  /** Begins to hear signals: `hear(false)` leaves them to the system, which ends the process. */
  hearing(hear: (isHearing: boolean) => void): void {
    this.#hear = hear
    hear(true)
  }

  /**
   * Runs the code of a configuration file. A signal ends the process meanwhile: a loop in the file would keep the command
   * from hearing it, and nothing was sent.
   */
  async loading<R>({ file }: ConfigFile, load: () => Promise<R>): Promise<R> {
    const shown = relative('', file)
    this.#loaded ??= shown
    this.#hear(false)
    const late = {
      what: `${shown} was not imported`,
      remedy: 'It waits for something that does not come, such as an `await` at its top level.',
    }
    try {
      return await this.deadline.part(late, load)
    } finally {
      this.#hear(true)
    }
  }

  /** Ends the command by an error that nobody caught. */
  fail(error: unknown): void {
    const file = this.#loaded
    const who = file === undefined ? 'Something' : `${file}, or what it imports,`
    const message = `${who} threw where nobody catches it: ${thrownBy(error).why}`
    this.deadline.fail(new CliError(file === undefined ? 1 : 64, message, { code: 'uncaught', cause: error }))
  }

  /** Has something closed when the command is over. */
  closing(close: () => Promise<unknown>): void {
    this.#closers.push(close)
  }

  /** Closes everything, at most a second long: the process ends anyway. */
  async close(): Promise<void> {
    this.deadline.end()
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise((resolve) => {
      timer = setTimeout(resolve, 1_000)
    })
    await Promise.race([Promise.allSettled(this.#closers.map((close) => close())), limit])
    clearTimeout(timer)
  }
}
