/** What an app is built on. */
export const FRAMEWORKS = ['plain', 'express', 'fastify', 'nest'] as const
/** The name of a framework, as it is given on the command line. */
export type FrameworkName = (typeof FRAMEWORKS)[number]

/** What a framework adds to an app. Versions are those that this repository is tested with. */
export interface Framework {
  /** As people write it. */
  readonly title: string
  /** The package of livetree for it, if there is one. */
  readonly adapter: string | undefined
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  /** Whether its code has decorators, which Node does not run as they are: it is compiled first. */
  readonly isCompiled: boolean
}

/** The frameworks by their names. */
export const FRAMEWORK_TABLE: Readonly<Record<FrameworkName, Framework>> = {
  plain: {
    title: 'plain Node',
    adapter: undefined,
    dependencies: {},
    devDependencies: {},
    isCompiled: false,
  },
  express: {
    title: 'Express',
    adapter: '@livetree/express',
    dependencies: { express: '^5.3.0' },
    devDependencies: { '@types/express': '^5.0.6' },
    isCompiled: false,
  },
  fastify: {
    title: 'Fastify',
    adapter: '@livetree/fastify',
    dependencies: { fastify: '^5.12.8' },
    devDependencies: {},
    isCompiled: false,
  },
  nest: {
    title: 'Nest',
    adapter: '@livetree/nestjs',
    dependencies: {
      '@nestjs/common': '^12.5.1',
      '@nestjs/core': '^12.5.1',
      '@nestjs/platform-express': '^12.5.1',
      'reflect-metadata': '^0.2.2',
      rxjs: '^7.8.2',
    },
    devDependencies: { '@nestjs/testing': '^12.1.1' },
    isCompiled: true,
  },
}

/** What every app needs beside livetree itself. */
export const COMMON_DEPENDENCIES = { zod: '^4.6.7' } as const
/** What every app is developed with, beside livetree's own tools. */
export const COMMON_DEV_DEPENDENCIES = { '@types/node': '^24.19.2', typescript: '^7.0.2' } as const

/** All packages that an app may have. */
export function packageNames(): string[] {
  const frameworks = Object.values(FRAMEWORK_TABLE).flatMap(
    ({ adapter = 'livetree', dependencies, devDependencies }) => [
      adapter,
      ...Object.keys({ ...dependencies, ...devDependencies }),
    ],
  )
  const common = Object.keys({ ...COMMON_DEPENDENCIES, ...COMMON_DEV_DEPENDENCIES })
  return [...new Set([...frameworks, ...common, '@livetree/cli', '@livetree/embedded'])]
}

/** Whether a text is the name of a framework. */
export function isFramework(text: string): text is FrameworkName {
  return FRAMEWORKS.some((name) => name === text)
}
