// Several orders, to look at or to choose from. Choosing one says its sentence as the shopper's own.
import { useEffect, useId, useState } from 'react';
import { useChatData } from '@chainlit/react-client';

function Orders({ orders, say }) {
  const title = useId();
  const { disabled } = useChatData(); // an answer is being written, or nobody is connected
  const [pressed, setPressed] = useState(false);
  useEffect(() => {
    if (!disabled) setPressed(false);
  }, [disabled]);

  const press = (message) => {
    setPressed(true);
    say(message);
  };

  return (
    <article className="kefu-card" aria-labelledby={title} lang={orders.language}>
      <header className="kefu-card-head">
        <h3 id={title}>{orders.title}</h3>
      </header>
      <ul className="kefu-card-choices">
        {orders.rows.map((row) => (
          <li key={row.number}>
            <button type="button" disabled={disabled || pressed} onClick={() => press(row.message)}>
              <b>{row.number}</b>
              <span className="kefu-card-pill" data-status={row.status_code}>
                {row.status}
              </span>
              <span>{row.items}</span>
              <span className="kefu-card-price">{row.total}</span>
              <small>{row.placed}</small>
            </button>
          </li>
        ))}
      </ul>
    </article>
  );
}

// Kept for the reason told in Order.jsx
const Kept = (window.kefuOrders ??= Orders);
export default <Kept orders={props} say={sendUserMessage} />;
