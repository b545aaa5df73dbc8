import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** Who may import whom in `server/src`, as `server/README.md` has it; everyone but `base` may import `protocol` and `base`. */
const SERVER: Readonly<Record<string, readonly string[]>> = {
  cli: ['protocol', 'base'],
  'client-server-api': ['protocol', 'base', 'http', 'users', 'rooms', 'sync', 'media', 'federation', 'appservices'],
  'server-server-api': ['protocol', 'base', 'http', 'users', 'rooms', 'media', 'federation'],
  'admin-api': ['protocol', 'base', 'http', 'users', 'rooms', 'media', 'federation'],
  http: ['protocol', 'base', 'users', 'federation'],
  delivery: ['protocol', 'base', 'storage', 'federation', 'appservices', 'rooms'],
  sync: ['protocol', 'base', 'storage', 'rooms'],
  users: ['protocol', 'base', 'storage', 'federation', 'rooms'],
  rooms: ['protocol', 'base', 'storage', 'federation', 'appservices'],
  federation: ['protocol', 'base', 'storage'],
  appservices: ['protocol', 'base', 'storage'],
  media: ['protocol', 'base', 'storage', 'federation'],
  storage: ['protocol', 'base'],
  base: [],
  protocol: [],
};

/** The only folders that may import what reaches outside the process. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  pg: ['storage'],
  fastify: ['http'],
  undici: ['base'],
  pino: ['base'],
  sharp: ['media'],
  'node:http': ['base', 'http'],
  'node:https': ['base', 'http'],
  'left-pad': [],
};

/** The same for `client-web/src`. */
const WEB_CLIENT: Readonly<Record<string, readonly string[]>> = {
  platform: [],
  matrix: ['platform'],
  'view-models': ['matrix', 'platform'],
  composer: ['view-models', 'platform'],
  views: ['view-models', 'composer', 'platform', 'locales'],
};
const WEB_CLIENT_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  'matrix-js-sdk': ['matrix'],
  react: ['composer', 'views'],
};

interface Planted {
  readonly file: string;
  readonly line: number;
  readonly specifier: string;
  readonly isAllowed: boolean;
}

const copy = await mkdtemp(path.join(tmpdir(), 'parley-layers-'));
afterAll(() => rm(copy, { recursive: true }));

/** Writes one file that imports all of `imports`, each on a line of its own. */
async function plant(file: string, imports: ReadonlyMap<string, boolean>): Promise<Planted[]> {
  const specifiers = [...imports.keys()];
  const lines = specifiers.map((specifier, index) => `import { name${index} } from '${specifier}';`);
  await mkdir(path.dirname(path.join(copy, file)), { recursive: true });
  await writeFile(path.join(copy, file), `${lines.join('\n')}\n`);
  return specifiers.map((specifier, index) => ({
    file,
    line: index + 1,
    specifier,
    isAllowed: imports.get(specifier) === true,
  }));
}

/** What Biome reports in the copy, by the configuration of this repository: `rule file:line`. */
async function reported(): Promise<Set<string>> {
  await copyFile(path.join(REPOSITORY, 'biome.json'), path.join(copy, 'biome.json'));
  await symlink(path.join(REPOSITORY, 'node_modules'), path.join(copy, 'node_modules'));
  const biome = path.join(REPOSITORY, 'node_modules/@biomejs/biome/bin/biome');
  const args = ['lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none', 'server', 'client-web'];
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, [biome, ...args], { cwd: copy, maxBuffer: 1 << 26 }, (_error, stdout) =>
      resolve(stdout),
    );
  });
  const { diagnostics } = JSON.parse(output) as {
    diagnostics: { category: string; location: { path: string; start: { line: number } } }[];
  };
  return new Set(
    diagnostics.map(
      ({ category, location }) => `${category.split('/').at(-1)} ${location.path}:${location.start.line}`,
    ),
  );
}

function serverImports(layer: string, allowed: readonly string[]): Map<string, boolean> {
  const folders = Object.keys(SERVER).filter((other) => other !== layer);
  return new Map([
    ['./sibling.ts', true],
    ...folders.map((other) => [`../${other}/planted.ts`, allowed.includes(other)] as const),
    ['../homeserver.ts', layer === 'cli'],
    ['../config.ts', layer === 'cli'],
    ['../../../client-web/src/main.tsx', false],
    ...Object.entries(PACKAGES).map(([name, owners]) => [name, owners.includes(layer)] as const),
    ['node:crypto', true],
    ['node:fs/promises', layer !== 'protocol'],
  ]);
}

function webClientImports(layer: string, allowed: readonly string[], up: string): Map<string, boolean> {
  const folders = Object.keys(WEB_CLIENT).filter((other) => other !== layer);
  return new Map([
    ['./sibling.ts', true],
    ...folders.map((other) => [`${up}/${other}/planted.ts`, allowed.includes(other)] as const),
    [`${up}/main.tsx`, false],
    ...Object.entries(WEB_CLIENT_PACKAGES).map(([name, owners]) => [name, owners.includes(layer)] as const),
  ]);
}

const planted = [
  ...(await Promise.all(
    Object.entries(SERVER).map(([layer, allowed]) =>
      plant(`server/src/${layer}/planted.ts`, serverImports(layer, allowed)),
    ),
  )),
  ...(await Promise.all(
    Object.entries(WEB_CLIENT).flatMap(([layer, allowed]) => [
      plant(`client-web/src/${layer}/planted.ts`, webClientImports(layer, allowed, '..')),
      plant(`client-web/src/${layer}/folder/planted.ts`, webClientImports(layer, allowed, '../..')),
    ]),
  )),
];
await writeFile(
  path.join(copy, 'server/src/users/one.ts'),
  "import { two } from './two.ts';\nexport const one = two;\n",
);
await writeFile(
  path.join(copy, 'server/src/users/two.ts'),
  "import { one } from './one.ts';\nexport const two = one;\n",
);
await writeFile(
  path.join(copy, 'server/src/users/promises.ts'),
  `async function check(): Promise<boolean> {
  return (await fetch('http://localhost/')).ok;
}
export function signIn(): boolean {
  check();
  if (check()) return true;
  return false;
}
`,
);
const found = await reported();

describe('Biome reports exactly the imports that the layers forbid', () => {
  for (const imports of planted)
    test(`in ${imports[0]?.file}`, () => {
      const wrong = imports.filter(
        ({ file, line, isAllowed }) => found.has(`noRestrictedImports ${file}:${line}`) === isAllowed,
      );
      expect(wrong).toEqual([]);
      expect(imports.some(({ isAllowed }) => !isAllowed)).toBe(true);
    });
});

test('A5.2 A7.1 Biome reports import cycles, promises that nobody awaits, and requests that bypass the one way out', () => {
  const inUsers = [...found].filter((entry) => /users\/(one|two|promises)\.ts/.test(entry));
  expect(inUsers).toEqual(
    expect.arrayContaining([
      'noImportCycles server/src/users/one.ts:1',
      'noFloatingPromises server/src/users/promises.ts:5',
      'noMisusedPromises server/src/users/promises.ts:6',
      'noRestrictedGlobals server/src/users/promises.ts:2',
    ]),
  );
});
