import { useParams } from '@tanstack/react-router';
import { useSession } from '../session-context.tsx';
import { useViewModel } from '../ui/use-view-model.ts';
import { RoomView } from './RoomView.tsx';

/** The place `/room/<id or alias>`. */
export function RoomRoute() {
  const { roomId } = useParams({ from: '/room/$roomId' });
  const { order } = useViewModel(useSession().roomList);
  if (!order.includes(roomId)) return null;
  return <RoomView key={roomId} roomId={roomId} />;
}
