// `create-livetree`: what the command does, for other tools.
export type { CreateProjectOptions } from './create-project.ts'
export { createProject } from './create-project.ts'
export { FRAMEWORKS, type FrameworkName } from './frameworks.ts'
export { Refusal } from './refusal.ts'
export type { Target } from './target-folder.ts'
