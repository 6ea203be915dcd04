/** The least that a process costs that others can count on: it asks NATS twice a second whether it is there. */
import { connectNats } from '../../shared/bus/natsConnection.ts';

const { FLOTILLA_SERVER: server = '', FLOTILLA_USER: user = '', FLOTILLA_PASSWORD: password = '' } = process.env;
const { nc } = await connectNats({ server, user, password, name: 'bare client' });
setInterval(() => void nc.flush(), 500);
