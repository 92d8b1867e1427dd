import {
  COMMON_DEPENDENCIES,
  COMMON_DEV_DEPENDENCIES,
  FRAMEWORK_TABLE,
  type FrameworkName,
} from './frameworks.ts'

/** The package.json of a new app. @param version that of livetree's packages, which is one for all */
export function manifestOf(name: string, framework: FrameworkName, version: string): object {
  const { adapter, dependencies, devDependencies, isCompiled } = FRAMEWORK_TABLE[framework]
  const own = `^${version}`
  const dev = isCompiled
    ? 'tsc -p tsconfig.build.json && node dev.ts --watch dist/main.js'
    : 'node dev.ts --watch src/main.ts'
  const test = isCompiled
    ? 'tsc -p tsconfig.build.json && node --test dist/app.test.js'
    : 'node --test src/app.test.ts'
  return {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    engines: { node: '>=22.19' },
    scripts: {
      dev,
      build: 'tsc -p tsconfig.build.json',
      start: 'node dist/main.js',
      test,
      types: 'tsc',
      check: 'livetree check',
    },
    dependencies: sorted({
      ...{ livetree: own, ...(adapter !== undefined && { [adapter]: own }) },
      ...COMMON_DEPENDENCIES,
      ...dependencies,
    }),
    devDependencies: sorted({
      ...{ '@livetree/cli': own, '@livetree/embedded': own },
      ...COMMON_DEV_DEPENDENCIES,
      ...devDependencies,
    }),
  }
}

/** As npm writes them. */
function sorted(versions: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(versions).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** The settings of the compiler for a new app: all of its files, checked only. */
export function compilerOptionsOf(framework: FrameworkName): object {
  const { isCompiled } = FRAMEWORK_TABLE[framework]
  return {
    compilerOptions: {
      target: 'es2023',
      lib: ['es2024', 'esnext.disposable'],
      module: 'nodenext',
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
      ...(isCompiled
        ? { experimentalDecorators: true, emitDecoratorMetadata: true }
        : { erasableSyntaxOnly: true }),
      skipLibCheck: true,
      types: ['node'],
      noEmit: true,
    },
    include: ['src', 'dev.ts', 'livetree.config.ts'],
  }
}

/** The settings that write `dist`. */
export const BUILD_OPTIONS = {
  extends: './tsconfig.json',
  compilerOptions: { noEmit: false, rootDir: 'src', outDir: 'dist', sourceMap: true },
  include: ['src'],
} as const
