import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CliError } from '../errors/cli-error.ts'
import { safeText } from '../output/safe-text.ts'
import type { Session } from '../session.ts'

/** With which the lines begin that this command writes above the text: for YAML they are comments. */
const MARK = '# livetree: '

/** A text that a person changes in an editor. Nobody loses what was written there: the file stays until it is removed. */
export class EditedFile {
  readonly file: string
  /** Nobody would miss it: nothing was changed, or what was changed is written. */
  isWorthless = true
  readonly #session: Session
  readonly #folder: string
  /** As the person gets it. */
  #given: string
  #text: string

  private constructor(session: Session, folder: string, text: string) {
    this.#session = session
    this.#folder = folder
    this.file = join(folder, 'layer.yaml')
    this.#text = text
    this.#given = text
  }

  /** Makes the file, in a folder that nobody else may read. */
  static async make(session: Session, text: string): Promise<EditedFile> {
    return new EditedFile(session, await mkdtemp(join(tmpdir(), 'livetree-edit-')), text)
  }

  /**
   * Opens the editor with the file as it was saved last, below lines that say why it is opened again.
   *
   * @returns what it holds then; undefined where it was left as it is
   * @throws CliError 1 for an editor that fails; 130 where the command is ended meanwhile
   */
  async edit(reasons: readonly string[]): Promise<string | undefined> {
    const head = reasons.map((line) => `${MARK}${safeText(line)}`.trimEnd()).join('\n')
    this.#given = head === '' ? this.#text : `${head}\n${this.#text}`
    await writeFile(this.file, this.#given, { mode: 0o600 })
    const code = await this.#session
      .editing(() => runEditor(this.#session.io.env, this.file))
      .catch((error) => {
        // The editor may still be open, and save what nobody would find.
        this.isWorthless = false
        throw error
      })
    const now = await readFile(this.file, 'utf8').catch((cause: unknown) => {
      throw new CliError(1, 'The editor left no file that can be read, and nothing was written', {
        code: 'editor',
        remedy: 'Let it write the file that it is given.',
        cause,
      })
    })
    const isSame = now === this.#given
    const text = withoutMarks(now)
    this.isWorthless &&= text === this.#text
    this.#text = text
    if (code === 0) return isSame ? undefined : this.#text
    throw new CliError(1, `The editor ended with ${code ?? 'a signal'}, and nothing was written`, {
      code: 'editor',
      remedy: code === 126 || code === 127 ? 'Set EDITOR.' : '',
    })
  }

  /** What it holds, without the lines of this command. */
  get text(): string {
    return this.#text
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** As git does it: the editor may be a command with arguments. */
function runEditor(env: Readonly<Record<string, string | undefined>>, file: string): Promise<number | null> {
  const editor =
    [env['VISUAL'], env['EDITOR'], 'vi'].find((each) => each !== undefined && each !== '') ?? 'vi'
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', `${editor} "$1"`, editor, file], { stdio: ['inherit', 2, 2] })
    child.on('error', reject)
    child.on('close', resolve)
  })
}

function withoutMarks(text: string): string {
  const lines = text.split('\n')
  const first = lines.findIndex((line) => !line.startsWith(MARK.trimEnd()))
  return lines.slice(first < 0 ? lines.length : first).join('\n')
}
