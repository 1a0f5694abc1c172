"""What a shopper wants: recognised by nearest labelled examples, with its arguments. Knows no shop rule."""
