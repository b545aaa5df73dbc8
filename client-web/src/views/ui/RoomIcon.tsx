import { Hash, Lock } from 'lucide-react';
import type { RoomSummary } from '../../view-models/room-list.ts';
import { Avatar, type AvatarSize, type PresenceMark } from './Avatar.tsx';
import styles from './RoomIcon.module.css';

export interface RoomIconProps {
  room: Pick<RoomSummary, 'roomId' | 'name' | 'kind' | 'avatarMxc' | 'directUserId' | 'isPublic'>;
  size: AvatarSize;
  presence?: PresenceMark | undefined;
}

/** A person for direct messages, a picture if the room has one, else # for public and a lock for private channels. */
export function RoomIcon({ room, size, presence }: RoomIconProps) {
  if (room.kind === 'direct') {
    return (
      <Avatar
        id={room.directUserId ?? room.roomId}
        name={room.name}
        mxc={room.avatarMxc}
        size={size}
        presence={presence}
      />
    );
  }
  if (room.avatarMxc || room.kind === 'space') {
    return <Avatar id={room.roomId} name={room.name} mxc={room.avatarMxc} size={size} shape="room" />;
  }
  const Icon = room.isPublic ? Hash : Lock;
  return (
    <span className={styles.icon} style={{ width: size, height: size }}>
      <Icon size={Math.round(size * (room.isPublic ? 0.85 : 0.75))} strokeWidth={1.75} aria-hidden />
    </span>
  );
}
