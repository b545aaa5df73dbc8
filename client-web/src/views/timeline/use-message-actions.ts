import { use, useSyncExternalStore } from 'react';
import type { TimelineEvent } from '../../view-models/timeline.ts';
import { useT } from '../i18n.tsx';
import { useNavigation } from '../navigation.ts';
import { useToast } from '../ui/Toast.tsx';
import { DeleteRequestContext } from './delete-request.ts';
import { useTimelineViewModel } from './timeline-context.ts';

export interface MessageActions {
  quickReactions: readonly string[];
  canReact: boolean;
  canReply: boolean;
  canOpenThread: boolean;
  canEdit: boolean;
  canRemove: boolean;
  /** The words of the message, if it has any to copy. */
  text: string | undefined;
  toggleReaction: (key: string) => void;
  reply: () => void;
  openThread: () => void;
  edit: () => void;
  /** Asks first. */
  remove: () => void;
  copyText: () => void;
  copyLink: () => void;
}

function textOf(event: TimelineEvent): string | undefined {
  const { body } = event;
  if (event.redaction || body.kind === 'encrypted') return undefined;
  return body.kind === 'text' || body.kind === 'unsupported' ? body.text : body.caption?.text;
}

/** What can be done with a message, and how. Failures are said in a toast. */
export function useMessageActions(event: TimelineEvent): MessageActions {
  const t = useT('timeline');
  const timeline = useTimelineViewModel();
  // Only these parts, so that a row is not drawn again for every change elsewhere.
  const room = useSyncExternalStore(timeline.subscribe, () => timeline.getState().room);
  const quickReactions = useSyncExternalStore(timeline.subscribe, () => timeline.getState().quickReactions);
  const navigation = useNavigation();
  const toast = useToast();
  const requestDelete = use(DeleteRequestContext);
  const isLive = event.status === 'sent' && !event.redaction;
  const text = textOf(event);
  const copy = (what: string, message: string): void => {
    navigator.clipboard.writeText(what).then(
      () => toast(message),
      () => toast(t('copyFailed'), { tone: 'danger' }),
    );
  };
  return {
    quickReactions,
    canReact: isLive && room.permissions.canReact,
    canReply: isLive && room.permissions.canSend,
    canOpenThread:
      isLive && timeline.threadId === undefined && (room.permissions.canSend || event.thread !== undefined),
    canEdit: timeline.canEdit(event),
    canRemove: timeline.canRemove(event),
    text,
    toggleReaction: (key) => {
      timeline.toggleReaction(event, key).catch(() => toast(t('reactionFailed'), { tone: 'danger' }));
    },
    reply: () => timeline.reply(event),
    openThread: () => navigation.openPanel('thread', { threadId: event.eventId }),
    edit: () => timeline.edit(event),
    remove: () => requestDelete(event),
    copyText: () => text !== undefined && copy(text, t('copiedText')),
    copyLink: () => copy(timeline.linkTo(event), t('copiedLink')),
  };
}
