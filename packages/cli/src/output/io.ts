/** A stream that a command writes to. */
export interface OutStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string, done?: () => void): boolean
}

/** Writes a text, and waits until the stream has taken it. */
export function written(stream: OutStream, text: string): Promise<void> {
  return new Promise((resolve) => void stream.write(text, () => resolve()))
}

/** Where a command reads and writes. */
export interface Io {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined }
  readonly stdout: OutStream
  readonly stderr: OutStream
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}
