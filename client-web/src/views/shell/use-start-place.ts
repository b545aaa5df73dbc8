import { useLocation } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
import { useNavigation } from '../navigation.ts';
import { useFrame } from '../session-context.tsx';

/** Opens the room that was open last time, on screens that show it beside the list. Runs once per sign-in. */
export function useStartPlace(): void {
  const frame = useFrame();
  const { openRoom } = useNavigation();
  const { pathname } = useLocation();
  const isDone = useRef(false);
  useEffect(() => {
    if (isDone.current) return;
    isDone.current = true;
    const { lastRoomId } = frame.preferences.getState();
    if (pathname !== '/' || !lastRoomId || window.matchMedia('(max-width: 639px)').matches) return;
    if (frame.roomList.getState().order.includes(lastRoomId)) openRoom(lastRoomId);
  }, [frame, pathname, openRoom]);
}
