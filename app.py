"""The Space's entry: `python app.py`. Everything is in `ru1_app`; settings come from `RU1_*`."""

from ru1_app.ui.launch import main

if __name__ == "__main__":
    main()
