import { connectionBehaviours } from './behaviours/connections.ts';
import { cycleBehaviours } from './behaviours/cycles.ts';
import { eduBehaviours } from './behaviours/edus.ts';
import { formBehaviours } from './behaviours/forms.ts';
import { gapBehaviours } from './behaviours/gaps.ts';
import { historyBehaviours } from './behaviours/history.ts';
import { inviteBehaviours } from './behaviours/invites.ts';
import { joinBehaviours } from './behaviours/joins.ts';
import { keyBehaviours } from './behaviours/keys.ts';
import { readBehaviours } from './behaviours/reads.ts';
import { roomBehaviours } from './behaviours/rooms.ts';
import { ruleBehaviours } from './behaviours/rules.ts';
import { signatureBehaviours } from './behaviours/signatures.ts';
import { transactionBehaviours } from './behaviours/transactions.ts';
import type { Behaviour } from './scene.ts';

/** Everything that the hostile server does. */
export const behaviours: readonly Behaviour[] = [
  ...signatureBehaviours,
  ...keyBehaviours,
  ...formBehaviours,
  ...ruleBehaviours,
  ...cycleBehaviours,
  ...gapBehaviours,
  ...historyBehaviours,
  ...joinBehaviours,
  ...connectionBehaviours,
  ...inviteBehaviours,
  ...eduBehaviours,
  ...transactionBehaviours,
  ...readBehaviours,
  ...roomBehaviours,
];
