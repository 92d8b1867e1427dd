// Exports explicit names, so that nothing becomes public unnoticed. The command itself is the bin `livetree`.
export { createProgram } from './command-line/program.ts'
export { EXIT_CODES, type ExitCode } from './errors/exit-codes.ts'
export type { Io } from './output/io.ts'
export { main } from './main.ts'
export { run } from './run.ts'
